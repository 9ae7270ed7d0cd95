"""Two workers in one consumer group, each a process: `python -m bench.peers.contenders.pair TASK MODULE`."""

import os
import signal
import subprocess
import sys
from types import FrameType

from bench.peers.job import task_of_arguments


def main() -> int:
    """Until SIGTERM, which is passed on; 1 where one of them ended badly."""
    task_of_arguments()
    command = [sys.executable, "-P", "-m", f"bench.peers.contenders.{sys.argv[2]}", sys.argv[1]]
    workers: list[subprocess.Popen[bytes]] = []
    ends: list[int] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        for worker in workers:
            worker.terminate()

    signal.signal(signal.SIGTERM, stop)
    workers += [subprocess.Popen(command) for _ in range(2)]
    pid, status = os.wait()
    ends.append(status)
    for worker in workers:
        if worker.pid != pid:
            worker.terminate()
            ends.append(worker.wait())
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main())
