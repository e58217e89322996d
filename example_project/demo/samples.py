"""Sample notes for a new database."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from notes.models import Note
from stations.models import StationNote


class Sample(NamedTuple):
    """A sample note. `author` is a key of AUTHORS; `days_ago` sets the date of the observation.

    For a note of a field station, `place` is the station.
    """

    days_ago: int
    author: str
    place: str
    title: str
    body: str


# These users exist in Django's database only, so they cannot sign in with Cognito.
AUTHORS = {"ida": ("Ida", "Marsh"), "tomas": ("Tomas", "Reed")}

SAMPLES = [
    Sample(
        1,
        "ida",
        "The weir below the mill",
        "Kingfisher, twice",
        "Heard before seen: one thin whistle, then a blue line drawn straight upstream, a hand above the water. "
        "Twenty minutes later it came back the same way with something silver in its bill.\n\n"
        "It uses the third willow stump as a perch. The wood is white below it.",
    ),
    Sample(
        3,
        "tomas",
        "Allotments, north gate",
        "Hedgehog tracks in the bean bed",
        "Small hands across the wet soil, five toes in front, all the way along the row and back by the compost. "
        "The slugs on the rhubarb are gone. I have left the gap under the gate as it is.",
    ),
    Sample(
        8,
        "ida",
        "Long Meadow",
        "First frost",
        "Minus one at seven. Every seed head had its own lace, and the spider threads between the fence wires were "
        "as thick as string. By nine all of it had dripped away.",
    ),
    Sample(
        12,
        "tomas",
        "",
        "Geese going over at night",
        "Woken at ten past two by voices. Went out in my coat: nothing to see, cloud right down to the roofs, but the "
        "sound moved from north-east to south-west for a good four minutes. Several hundred, I would say.",
    ),
    Sample(
        19,
        "ida",
        "Beech wood, east side",
        "A ring of clouded funnels",
        "Eleven paces across, nearly closed, only the path breaks it. Counted sixty-three caps. Same ring as last "
        "year, about a foot wider.",
    ),
    Sample(
        27,
        "tomas",
        "Railway bank",
        "Fox, in no hurry",
        "A vixen on the ballast at noon, sat down, scratched, looked at the signal as if waiting for it to change. "
        "She let a whole goods train go by at ten yards and did not get up.",
    ),
]

STATION_SAMPLES = [
    Sample(
        2,
        "ida",
        "heath",
        "Nightjar on the fire break",
        "Two males churring from half past nine, one on the gate post. The second nest is forty paces south of the "
        "path. Keep the gate shut, and tell no visitors.",
    ),
    Sample(6, "ida", "heath", "Sand lizards", "Nine on the south bank by ten o'clock, four of them young."),
    Sample(
        4,
        "tomas",
        "mill",
        "Eels at the sluice",
        "Counted thirty-one in the trap, the longest as long as my arm. All released above the weir.",
    ),
]


def write_samples() -> int:
    """Write the sample notes if there are none yet, of the notebook and of stations, and return how many."""
    authors = {username: _get_or_create_author(username, *names) for username, names in AUTHORS.items()}
    count = 0
    if not Note.objects.exists():
        # Oldest first: notes with the same date are sorted by primary key.
        notes = [
            Note(place=sample.place, **_build_values(sample, authors[sample.author])) for sample in reversed(SAMPLES)
        ]
        count += len(Note.objects.bulk_create(notes))
    if not StationNote.objects.exists():
        station_notes = [
            StationNote(station=sample.place, **_build_values(sample, authors[sample.author]))
            for sample in STATION_SAMPLES
        ]
        count += len(StationNote.objects.bulk_create(station_notes))
    return count


def _get_or_create_author(username: str, first_name: str, last_name: str) -> AbstractBaseUser:
    users = get_user_model().objects
    user = users.filter(username=username).first()
    return user or users.create_user(username, first_name=first_name, last_name=last_name)


def _build_values(sample: Sample, author: AbstractBaseUser) -> dict[str, Any]:
    """Return the fields that a note and a note of a station have in common."""
    day = timezone.localdate() - timedelta(days=sample.days_ago)
    return {"title": sample.title, "body": sample.body, "observed_on": day, "author": author}
