"""Sums of money in whole cents."""


def split(cents, people):
    """Splits an amount into shares that differ by one cent at most; the first people pay the odd cents.

    The shares always add up to the amount.
    """
    if people < 1:
        raise ValueError("there must be at least one person")
    return [cents // people] * people


def with_tip(cents, percent):
    """Adds a tip, rounded half up to a whole cent."""
    return cents + (cents * percent + 50) // 100
