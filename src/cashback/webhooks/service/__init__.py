"""Use cases: endpoints are made, events taken, deliveries tried and repeated."""
