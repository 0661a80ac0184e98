-- Whether the ticket of an association was used for another one is asked for each association that comes in.
create index ticket_uses_by_association on ticket_uses (association);
