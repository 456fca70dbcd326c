"""Currencies that were withdrawn since the euro's cash came: ISO 4217 list three, with the year of each.

Who names one made another mistake than who mistypes a code, and is told so.
"""

from collections.abc import Mapping
from typing import Final

_WITHDRAWN: Final = {
    2002: "ATS BEF DEM ESP FIM FRF GRD IEP ITL LUF NLG PTE",
    2003: "AFA AON",
    2005: "ROL TRL",
    2006: "AZM CSD MZM MGF",
    2007: "GHC SDD SIT",
    2008: "CYP MTL VEB",
    2009: "SKK TMM ZWD ZWN ZWR",
    2011: "EEK",
    2013: "ZMK",
    2014: "LVL",
    2015: "LTL",
    2016: "BYR",
    2017: "MRO",
    2018: "STD VEF",
    2021: "CUC",
    2023: "HRK",
    2024: "SLL ZWL",
    2025: "ANG",
    2026: "BGN",
}
_YEARS: Final[Mapping[str, int]] = {code: year for year, codes in _WITHDRAWN.items() for code in codes.split()}


def withdrawn_in(code: str) -> int | None:
    """Return the year in which a currency was withdrawn, None for one that is in use or never was.

    >>> withdrawn_in("HRK"), withdrawn_in("EUR")
    (2023, None)
    """
    return _YEARS.get(code)
