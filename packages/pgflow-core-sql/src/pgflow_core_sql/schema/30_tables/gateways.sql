-- gateways: login roles whose `request.jwt.claims` are believed. Any session can set that
-- variable, so from any other login role it would let a client pose as another owner.
create table pgflow.gateways (
  role_name name primary key
);
insert into pgflow.gateways (role_name) values ('authenticator'), ('supabase_admin');
