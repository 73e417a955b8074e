"""The Jobcenter's side: verifies and opens deliveries, hands them over, answers with a signed accept or reject."""
