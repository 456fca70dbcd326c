"""The rules of purchases, pure: which commands are sound, what makes two of them the same, which wallet is one."""

from cashback.purchases.rules.api_keys import (
    end_within,
    problem_of_end,
    problem_of_label,
    problem_of_rate,
    problem_of_scopes,
    scopes_within,
)
from cashback.purchases.rules.checks import as_kept, problem_of_blanks, problem_of_signature, problem_of_text
from cashback.purchases.rules.commands import (
    problem_of_challenge,
    problem_of_key,
    problem_of_merchant,
    problem_of_purchase,
    problem_of_user,
    problem_of_wallet,
)
from cashback.purchases.rules.deeds import RECORDING, deed_of, rate_named, rebuilt_as, told_deed, told_resource
from cashback.purchases.rules.key_text import id_in_text, key_text
from cashback.purchases.rules.lines import costs, decode_lines, encode_lines, told
from cashback.purchases.rules.refunds import (
    after,
    as_told_why,
    decode_parts,
    encode_parts,
    problem_of_refund,
    problem_of_return,
    told_parts,
)
from cashback.purchases.rules.secrecy import fingerprint, secret_hmac
from cashback.purchases.rules.wallets import is_wallet

__all__ = [
    "RECORDING",
    "after",
    "as_kept",
    "as_told_why",
    "costs",
    "decode_lines",
    "decode_parts",
    "deed_of",
    "encode_lines",
    "encode_parts",
    "end_within",
    "fingerprint",
    "id_in_text",
    "is_wallet",
    "key_text",
    "problem_of_blanks",
    "problem_of_challenge",
    "problem_of_end",
    "problem_of_key",
    "problem_of_label",
    "problem_of_merchant",
    "problem_of_purchase",
    "problem_of_rate",
    "problem_of_refund",
    "problem_of_return",
    "problem_of_scopes",
    "problem_of_signature",
    "problem_of_text",
    "problem_of_user",
    "problem_of_wallet",
    "rate_named",
    "rebuilt_as",
    "scopes_within",
    "secret_hmac",
    "told",
    "told_deed",
    "told_parts",
    "told_resource",
]
