/** The schema, one step a version (pragma user_version). A step that was ever released is never edited: add another. */
export const migrations: readonly string[] = [
  `
  create table vnf_snapshot (
    id text primary key,
    vnfInstanceId text not null,
    service text,
    vnfdId text not null,
    name text not null,
    purpose text not null,
    runId text,
    creationStartedAt text not null,
    availability text not null check (availability in ('creating', 'available', 'corrupt', 'deleting'))
  ) strict;
  create index vnf_snapshot_by_vnf on vnf_snapshot (vnfInstanceId, creationStartedAt, id);
  create index vnf_snapshot_by_name on vnf_snapshot (name, creationStartedAt, id);
  create index vnf_snapshot_by_run on vnf_snapshot (runId, creationStartedAt, id);
  create index vnf_snapshot_by_purpose on vnf_snapshot (purpose, creationStartedAt, id);
  create index vnf_snapshot_by_time on vnf_snapshot (creationStartedAt, id);
  create index vnf_snapshot_unfinished on vnf_snapshot (availability) where availability <> 'available';

  -- Apart, so that the rows which queries look through stay small.
  create table vnf_snapshot_record (
    id text primary key references vnf_snapshot (id) on delete cascade,
    record text not null,
    vnfd text
  ) strict;

  create table vnfc_snapshot (
    id text not null,
    vnfSnapshotId text not null references vnf_snapshot (id) on delete cascade,
    vnfcInstanceId text not null,
    vimConnectionId text,
    resourceId text,
    location text,
    primary key (vnfSnapshotId, id)
  ) strict;
  create index vnfc_snapshot_by_vnfc on vnfc_snapshot (vnfcInstanceId, vnfSnapshotId);
  create index vnfc_snapshot_by_resource on vnfc_snapshot (resourceId, vnfSnapshotId);

  create table package (
    id text primary key,
    name text not null,
    state text not null,
    vnfSnapshotId text,
    location text,
    createdAt text not null,
    record text not null
  ) strict;
  create index package_by_snapshot on package (vnfSnapshotId);
  create index package_by_name on package (name);
  create index package_by_state on package (state, createdAt);

  create table operation (
    id text primary key,
    kind text not null,
    service text not null,
    vnfInstanceIds text not null,
    state text not null,
    startedAt text not null,
    finishedAt text,
    host text not null,
    pid integer not null,
    processStartedAt text not null,
    undo text not null default '[]',
    error text
  ) strict;
  create index operation_open on operation (state) where finishedAt is null;

  create table vnf_in_operation (
    service text not null,
    vnfInstanceId text not null,
    operationId text not null references operation (id) on delete cascade,
    primary key (service, vnfInstanceId)
  ) strict;

  create table lease (
    id integer primary key autoincrement,
    subject text not null,
    purpose text not null,
    host text not null,
    pid integer not null,
    processStartedAt text not null,
    takenAt text not null
  ) strict;
  create index lease_by_subject on lease (subject);
  `,
  `
  create index vnf_snapshot_by_service on vnf_snapshot (service, creationStartedAt, id);
  create index vnf_snapshot_by_vnfd on vnf_snapshot (vnfdId, creationStartedAt, id);
  `,
  `
  -- Given when it is listed first. Those that were listed before get theirs with the first query that needs it.
  alter table vnf_snapshot add column number integer;
  create unique index vnf_snapshot_by_number on vnf_snapshot (number);
  create index vnf_snapshot_not_numbered on vnf_snapshot (id) where number is null and availability = 'available';

  create table attribute_path (id integer primary key, path text not null unique) strict;
  create table attribute_value (
    id integer primary key,
    path integer not null,
    value text not null,
    -- Of a value that is a number: digits in the order of the numbers.
    number text
  ) strict;
  create unique index attribute_value_by_value on attribute_value (path, value);
  create index attribute_value_by_number on attribute_value (path, number) where number is not null;
  create table attribute_of_snapshot (
    value integer not null,
    snapshot integer not null,
    primary key (value, snapshot)
  ) strict, without rowid;
  `,
  `
  -- A number tells the time now (snapshot-number.ts): all are given anew, with the first query that needs them.
  delete from attribute_of_snapshot;
  delete from attribute_value;
  update vnf_snapshot set number = null;
  -- What compares numbers looks for text that is no number as well, mostly in vain.
  create index attribute_value_by_text on attribute_value (path, value) where number is null;
  `,
  `
  -- Whoever recovers an operation opens its service.
  alter table operation add column serviceFile text;
  `,
];
