"""What a planted hole is."""

import dataclasses
import typing


@dataclasses.dataclass
class Hole:
    # A sentence about the change.
    name: str
    # The stack it is planted in: a key of `stacks.STACKS`.
    stack: str
    # The fields that it sets, each "service Operation Member", or several members of one operation with `|`.
    sets: list
    # The ids of the resources that may report it, as `status` writes them. Holes with a common one are never planted
    # together.
    at: list
    # Plants it.
    plant: typing.Callable
    # Reads the setting or list that it changes.
    read: typing.Callable
    # Whether it weakens, so that `status` must call it that; otherwise `status` must not. None: that is not judged, because
    # it depends on the stack or on who looks.
    weakens: bool = True
    # Why the emulator cannot show it: then the hole is listed and not planted.
    emulator: str = ""
    # Why there is no repair, or none that the emulator can show: then that is not judged.
    repair: str = ""
    # The hole is planted only where this is true: the stack has the protection that it takes away.
    where: typing.Callable = None

    @property
    def fields(self):
        for text in self.sets:
            service, operation, members = text.split(" ", 2)
            for member in members.split("|"):
                yield service, operation, member
