"""Pure decisions: what may be minted, how it is packed and priced, and what is to be done with an open slot."""
