-- At most one holder of a name at a time, with a fencing token; see cashback.kernel.lease.
create table {schema}.leases (
    name text primary key,
    holder text not null,
    token bigint not null,
    expires_at timestamptz not null
);
