"""The rules of purchases, pure: which commands are sound, what makes two of them the same, which wallet is one."""

from cashback.purchases.rules.commands import (
    problem_of_key,
    problem_of_label,
    problem_of_merchant,
    problem_of_purchase,
    problem_of_user,
    problem_of_wallet,
)
from cashback.purchases.rules.lines import costs, decode_lines, encode_lines, told
from cashback.purchases.rules.secrecy import fingerprint, secret_hmac
from cashback.purchases.rules.wallets import is_wallet

__all__ = [
    "costs",
    "decode_lines",
    "encode_lines",
    "fingerprint",
    "is_wallet",
    "problem_of_key",
    "problem_of_label",
    "problem_of_merchant",
    "problem_of_purchase",
    "problem_of_user",
    "problem_of_wallet",
    "secret_hmac",
    "told",
]
