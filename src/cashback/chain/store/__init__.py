"""The schema `chain` in SQL, each statement directly above its one caller."""
