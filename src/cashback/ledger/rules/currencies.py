"""Currencies in use: ISO 4217 alphabetic codes with the exponent of their minor unit.

Source: ISO 4217 list one with its amendments to number 180; codes for metals, funds, testing and "no currency" are left
out, since nobody pays with them, and so are withdrawn ones. Two units of account have four digits, and prices are made
in them: Chile's CLF and Uruguay's UYW.
"""

from collections.abc import Mapping
from typing import Final

from cashback.kernel.money import Currency

_CODES: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC"
        " CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR"
        " JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD"
        " NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN"
        " SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_KNOWN: Final[Mapping[str, Currency]] = {
    code: Currency(code=code, exponent=exponent) for exponent, codes in _CODES.items() for code in codes.split()
}


def currency_of(code: str) -> Currency | None:
    """Return the currency of an ISO 4217 code, or None when it is not in use.

    >>> currency_of("JPY").exponent
    0
    """
    return _KNOWN.get(code)
