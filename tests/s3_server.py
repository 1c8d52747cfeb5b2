"""A real S3 server on loopback (moto) that checks signatures, with one user and their bucket."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET, REGION = "press-exchange", "eu-central-1"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@dataclass
class S3Server:
    """`access` and `secret` are the keys of a user who may do everything in S3."""

    access: str = ""
    secret: str = ""

    def start(self) -> S3Server:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.address = "http://{}:{}".format(*self._server.get_host_and_port())
        people = self.client("iam")
        people.create_user(UserName="press")
        people.put_user_policy(UserName="press", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        keys = people.create_access_key(UserName="press")["AccessKey"]
        self.access, self.secret = keys["AccessKeyId"], keys["SecretAccessKey"]
        self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        # From now on no request is taken unsigned.
        self._tell("reset-auth", b"0")
        return self

    def stop(self) -> None:
        self._tell("reset-auth", b"inf")
        self._tell("reset", b"")
        self._server.stop()

    @property
    def entry(self) -> str:
        return f"private:{self.address}"

    def client(self, service: str) -> Any:
        """The vendor's own, past all our doors."""
        keys = {"aws_access_key_id": self.access or "x", "aws_secret_access_key": self.secret or "x"}
        return boto3.client(service, endpoint_url=self.address, region_name=REGION, **keys)

    def _tell(self, what: str, body: bytes) -> None:
        request = urllib.request.Request(
            f"{self.address}/moto-api/{what}", data=body, headers={"Content-Type": "text/plain"}, method="POST"
        )
        urllib.request.urlopen(request, timeout=5).close()
