"""Currencies that were withdrawn: ISO 4217 alphabetic codes with the month of it.

Source: ISO 4217 list three (historic denominations) and the amendments since; codes that list three gives no month for
are left out, and so are funds.
"""

from collections.abc import Mapping
from typing import Final

_MONTHS: Final = {
    "1981-12": "ESA RHD",
    "1983-06": "MTP",
    "1984-11": "MLF",
    "1985-07": "ARP",
    "1986-02": "GNS PES",
    "1986-03": "BRB",
    "1987-02": "BOP",
    "1987-05": "UGS",
    "1989-02": "BRC",
    "1989-12": "ALK GNE MVQ",
    "1990-01": "YUD",
    "1990-03": "BEC BEL BRN LUC LUL",
    "1990-09": "DDM",
    "1990-10": "NIC",
    "1990-12": "SUR",
    "1991-03": "AOK",
    "1991-07": "PEI",
    "1991-09": "YDD",
    "1992-01": "ARA",
    "1993-01": "MXP",
    "1993-03": "BRE CSK UYP",
    "1993-07": "LTT",
    "1994-02": "ZRZ",
    "1994-07": "BRR",
    "1994-12": "ESB LVR",
    "1995-01": "HRD",
    "1995-03": "ZAL",
    "1995-10": "GEK",
    "1995-11": "YUN",
    "1996-09": "UAK",
    "1997-01": "PLZ",
    "1997-05": "GWP",
    "1998-06": "SDP",
    "1998-07": "BAD",
    "1999-01": "XEU",
    "1999-06": "ZRN",
    "2000-02": "AON AOR",
    "2000-09": "ECS ECV",
    "2001-01": "BYB",
    "2001-04": "TJR",
    "2002-03": "ATS BEF DEM ESP FIM FRF GRD IEP ITL LUF NLG PTE",
    "2002-11": "TPE",
    "2003-01": "AFA",
    "2003-07": "ADP YUM",
    "2003-11": "BGL",
    "2003-12": "SRG",
    "2004-01": "RUR",
    "2004-11": "CHC",
    "2004-12": "MGF",
    "2005-06": "ROL",
    "2005-10": "AYM",
    "2005-12": "AZM TRL",
    "2006-06": "MZM",
    "2006-09": "ZWN",
    "2006-10": "CSD",
    "2007-01": "SIT",
    "2007-07": "SDD",
    "2008-01": "CYP GHC MTL VEB",
    "2008-08": "ZWD",
    "2009-01": "SKK TMM",
    "2009-06": "ZWR",
    "2011-01": "EEK",
    "2012-12": "ZMK",
    "2014-01": "LVL",
    "2014-03": "USS",
    "2014-12": "LTL",
    "2017-01": "BYR",
    "2017-12": "MRO STD",
    "2018-08": "VEF",
    "2021-06": "CUC",
    "2023-01": "HRK",
    "2024-04": "SLL",
    "2024-09": "ZWL",
    "2025-03": "ANG",
    "2026-01": "BGN",
}
_WITHDRAWN: Final[Mapping[str, str]] = {code: month for month, codes in _MONTHS.items() for code in codes.split()}


def withdrawn_in(code: str) -> str | None:
    """Return the month in which a currency was withdrawn, or None when it was not.

    >>> withdrawn_in("DEM")
    '2002-03'
    """
    return _WITHDRAWN.get(code)
