"""Keys and what is done with them: JWK, JWS, JWE, and intake's own state. No service's rules, no I/O but key files.

jwk        keys, thumbprints, base64url        jws   sign and verify compact JWS
jwe        seal and open parts, streaming      statebox   what intake keeps between requests
header     protected headers, read strictly
"""
