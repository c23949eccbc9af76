"""Sample data: GET, POST and DELETE sample/."""

from typing import Any

from app.api.caller import caller, services
from app.api.models.uploads import SampleState
from app.api.resource import Resource

sample = Resource("sample", "Generated logs of a small shop, to look around with.")


@sample.get("/sample/", responses={200: SampleState})
def get_sample() -> dict[str, Any]:
    """Whether the sample data is there."""
    return {"present": services().sample.present(caller()), "count": None}


@sample.post("/sample/", responses={201: SampleState})
def load_sample() -> dict[str, Any]:
    """Load the sample data."""
    return {"present": True, "count": services().sample.load(caller())}


@sample.delete("/sample/", responses={200: SampleState})
def remove_sample() -> dict[str, Any]:
    """Remove the sample data."""
    return {"present": False, "count": services().sample.remove(caller())}
