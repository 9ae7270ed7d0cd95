"""Where a process serves its metrics and health."""

from typing import Annotated

import typer

MetricsPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        envvar="STREAM_APP_METRICS_PORT",
        help="Serve /metrics, /livez and /readyz on this port; 0 takes a free one and says which.",
    ),
]
MetricsHost = Annotated[str, typer.Option(envvar="STREAM_APP_METRICS_HOST", help="The address to serve them on.")]
Cluster = Annotated[
    str, typer.Option(envvar="STREAM_APP_CLUSTER", help="The label `cluster_name` of the lag's metrics.")
]
