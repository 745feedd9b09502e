"""A client that is killed in the middle of a job: says where its worker and its folder are, and waits for that."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from worker_tools import odd_launch

from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.handle import Callbacks
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.process_transport import ProcessTransport


def main() -> None:
    transport = ProcessTransport(odd_launch())
    client = WorkerClient(transport)

    def told(fraction: float, stage: str) -> None:
        assert client._supply is not None
        sys.stdout.write(f"{transport.process_id} {client._supply.folder}\n")
        sys.stdout.flush()

    client.wait(client.submit(JobRequest(sys.argv[1], {}), Callbacks(told)))


if __name__ == "__main__":
    main()
