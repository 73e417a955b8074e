"""The one catalogue of reason codes that may stand on topics, in events and in answers."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something is where it is. The value is the code; `fault` says whose it is."""

    # needs a human to decide the destination
    UNRESOLVED = "unresolved"
    """The sender could not say which municipality, and the postcode alone does not decide."""
    JOINT_JOBCENTER = "joint-jobcenter"
    """A joint Jobcenter is responsible; forwarded by hand (§ 16 SGB I)."""
    NO_DESTINATION_KEY = "no-destination-key"
    """The Jobcenter has no active key yet; clearing seals anew by itself when there is one."""
    DIRECTORY_DISAGREES = "directory-disagrees"
    """Today's directory yields another destination than the manifest pins."""
    DESTINATION_UNKNOWN = "destination-unknown"
    """The pinned destination is not in the directory."""
    NOT_RESPONSIBLE = "not-responsible"
    """The Jobcenter says that another one is responsible (§ 16 SGB I)."""

    # cannot be handled as it is
    MESSAGE_UNREADABLE = "message-unreadable"
    """Bytes on a topic that are no valid message of their type."""
    MANIFEST_INVALID = "manifest-invalid"
    """Signature, form or identity of the manifest is wrong."""
    OUTCOME_MISSING = "outcome-missing"
    """The store proves that there is no accepted outcome for this message."""
    PART_MISSING = "part-missing"
    PART_ALTERED = "part-altered"
    """A stored part's size, hash or tag is not the manifest's."""
    PART_EXTRA = "part-extra"
    PART_UNOPENABLE = "part-unopenable"
    METADATA_MISMATCH = "metadata-mismatch"
    """An opened part is not what the metadata says."""
    WRONG_DESTINATION = "wrong-destination"
    SCHEMA_UNSUPPORTED = "schema-unsupported"
    REJECTED = "rejected"
    """The Jobcenter's final reject without a code of this catalogue."""

    # the Jobcenter's system
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    HTTP_STATUS = "http-status"
    LOGIN = "login-refused"
    HOST_KEY = "host-key"
    """The SFTP server's key is none of those that the directory pins."""
    REFUSED = "refused"
    """The Jobcenter's server does not take the files or the mail: permission, space, recipient."""
    ADAPTER_NOT_CONFIGURED = "adapter-not-configured"
    """The platform has no secrets or no mail server for this destination's adapter: its operator must act."""
    ANSWER_INVALID = "answer-invalid"
    """The answer is not a valid signed accept or reject of this delivery."""
    UNEXPECTED = "unexpected"
    """A defect of ours with this one message."""
    ANSWER_OVERDUE = "answer-overdue"
    """Handed over, asked again, and still without a signed answer."""
    ANSWER_CONTRADICTS = "answer-contradicts"
    """A second signed answer says something else than the first, which stays."""

    # the sender
    WITHDRAWN_BY_SENDER = "withdrawn-by-sender"
    EXPIRED = "expired"
