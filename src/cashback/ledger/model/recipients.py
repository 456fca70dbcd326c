"""Who shares a wallet with whom, as far as it matters: how many, and how many may."""

import msgspec


class Sharing(msgspec.Struct, frozen=True):
    """How many other users have a wallet, whether the user in question has it, and how many may have it in all."""

    others: int
    is_own: bool
    most: int

    def has_room(self, *, beside: int = 0) -> bool:
        """Tell whether the user may have the wallet, with so many more users beside those that have it.

        Who has it keeps it, however many share it by now.
        """
        return self.is_own or self.others + beside < self.most
