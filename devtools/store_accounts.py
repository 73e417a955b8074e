"""The store's accounts: one for each service, good for its own bucket and nothing else. Only set-up uses root's.

versitygw reads them from one file (`--iam-dir`); which bucket an account may use says the bucket's policy, as with any
S3 store. A `user` account may make no bucket, and sees none that no policy opens to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from minio import Minio

ROOT_ACCOUNT = "antragsweiche"
FILE = "users.json"
"""As versitygw names it in its `--iam-dir`."""
ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
)
"""What `S3Store` asks for: objects, the list, and whether erasing erases."""


def accounts_file(secrets: Mapping[str, str]) -> dict[str, Any]:
    """The content of `users.json`; `secrets` by account."""
    ids = {"userID": 0, "groupID": 0, "projectID": 0}
    return {
        "accessAccounts": {
            name: {"access": name, "secret": secret, "role": "user", **ids} for name, secret in sorted(secrets.items())
        }
    }


def bucket_policy(bucket: str, accounts: Iterable[str]) -> dict[str, Any]:
    """These accounts may use this bucket's objects. Who is not named may nothing, root excepted."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": sorted(accounts)},
                "Action": list(ACTIONS),
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def open_bucket(endpoint: str, root_secret: str, bucket: str, accounts: Iterable[str], *, secure: bool = False) -> None:
    """Set the policy of a bucket that is there. Raises minio's `S3Error` when the store refuses."""
    client = Minio(endpoint, access_key=ROOT_ACCOUNT, secret_key=root_secret, secure=secure)
    try:
        client.set_bucket_policy(bucket, json.dumps(bucket_policy(bucket, accounts)))
    finally:
        client._http.clear()  # else its sockets would warn when collected
