"""The description of a planted hole."""

import dataclasses
import typing


@dataclasses.dataclass
class Hole:
    # A sentence about the change.
    name: str
    # The stack it is planted in: one of `stacks.PLANTED`.
    stack: str
    # The fields that it sets, each "service Operation Member", or several members of one operation with `|`.
    sets: list
    # The ids of the resources that may report it, as `status` writes them. Holes with a common one are never planted
    # together.
    at: list
    # Plants the hole.
    plant: typing.Callable
    # Reads the setting or list that the hole changes.
    read: typing.Callable
    # Whether the hole weakens security: `status` must report it as weakening in exactly this case. None if this is not
    # judged, because it depends on the stack or on the point of view.
    weakens: bool = True
    # The reason why the emulator cannot show the hole. Such a hole is listed and not planted.
    emulator: str = ""
    # The reason why there is no repair, or none that the emulator can show. Then the repair is not judged.
    repair: str = ""
    # The hole is planted only where this is true: the stack has the protection that it takes away.
    where: typing.Callable = None

    @property
    def fields(self):
        for text in self.sets:
            service, operation, members = text.split(" ", 2)
            for member in members.split("|"):
                yield service, operation, member
