"""The blockchain adapter: the only part that knows a chain or holds a key.

A mint that is accepted is stored, packed with others into a call, signed at the lane's next nonce, stored again as
signed bytes, and only then sent, as often as needed and always the same bytes or a stored replacement. The blocks are
followed by their hashes; what the token's logs say in a final block is the outcome, and outcomes form one dense,
resumable stream. A crash at any point finds on disk what was about to happen (invariants I2, I3, I9).
"""
