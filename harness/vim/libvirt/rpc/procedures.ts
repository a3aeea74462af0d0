import { char32, domainRef, optionalText, snapshotRef, type TypedParameter, text, typedParameters } from './types.js';
import {
  array,
  hyper,
  int32,
  type Nothing,
  nothing,
  opaqueFixed,
  optional,
  struct,
  uhyper,
  uint32,
  type Xdr,
} from './xdr.js';

/**
 * The procedures that Ordeal calls. Numbers and types after libvirt's remote_protocol.x and qemu_protocol.x, which are
 * what different releases of libvirt speak to each other; a number, once given, does not change.
 */

export const REMOTE_PROGRAM = 0x20008086;
export const QEMU_PROGRAM = 0x20008087;
export const KEEPALIVE_PROGRAM = 0x6b656570;

export interface Procedure<A, R> {
  readonly name: string;
  readonly program: number;
  readonly number: number;
  readonly args: Xdr<A>;
  readonly returns: Xdr<R>;
}

const define = <A, R>(program: number, number: number, name: string, args: Xdr<A>, returns: Xdr<R>) =>
  ({ name, program, number, args, returns }) satisfies Procedure<A, R>;
const remote = <A, R>(number: number, name: string, args: Xdr<A>, returns: Xdr<R>) =>
  define(REMOTE_PROGRAM, number, name, args, returns);
const qemu = <A, R>(number: number, name: string, args: Xdr<A>, returns: Xdr<R>) =>
  define(QEMU_PROGRAM, number, name, args, returns);

const dom = struct({ dom: domainRef });
const domFlags = struct({ dom: domainRef, flags: uint32 });
const domXmlFlags = struct({ dom: domainRef, xml: text, flags: uint32 });
const snapFlags = struct({ snap: snapshotRef, flags: uint32 });
const oneXml = struct({ xml: text });
const disk = { dom: domainRef, path: text };

export const procedures = {
  connectOpen: remote(1, 'connectOpen', struct({ name: optionalText, flags: uint32 }), nothing),
  connectClose: remote<Nothing, Nothing>(2, 'connectClose', nothing, nothing),
  connectGetVersion: remote(4, 'connectGetVersion', nothing, struct({ version: uhyper })),
  nodeGetInfo: remote(
    6,
    'nodeGetInfo',
    nothing,
    struct({
      model: char32,
      memoryKiB: uhyper,
      cpus: int32,
      mhz: int32,
      nodes: int32,
      sockets: int32,
      cores: int32,
      threads: int32,
    }),
  ),
  connectGetCapabilities: remote(7, 'connectGetCapabilities', nothing, oneXml),
  domainGetXmlDesc: remote(14, 'domainGetXmlDesc', domFlags, oneXml),
  domainGetInfo: remote(
    16,
    'domainGetInfo',
    dom,
    struct({ state: uint32, maxMemoryKiB: uhyper, memoryKiB: uhyper, vcpus: uint32, cpuTimeNs: uhyper }),
  ),
  domainLookupByName: remote(23, 'domainLookupByName', struct({ name: text }), dom),
  domainLookupByUuid: remote(24, 'domainLookupByUuid', struct({ uuid: opaqueFixed(16) }), dom),
  domainResume: remote(28, 'domainResume', dom, nothing),
  domainSetAutostart: remote(29, 'domainSetAutostart', struct({ dom: domainRef, autostart: int32 }), nothing),
  domainSuspend: remote(34, 'domainSuspend', dom, nothing),
  connectGetHostname: remote(59, 'connectGetHostname', nothing, struct({ hostname: text })),
  connectSupportsFeature: remote(
    60,
    'connectSupportsFeature',
    struct({ feature: int32 }),
    struct({ supported: int32 }),
  ),
  domainBlockStats: remote(
    64,
    'domainBlockStats',
    struct(disk),
    struct({ readRequests: hyper, readBytes: hyper, writeRequests: hyper, writtenBytes: hyper, errors: hyper }),
  ),
  domainInterfaceStats: remote(
    65,
    'domainInterfaceStats',
    struct({ dom: domainRef, device: text }),
    struct({
      rxBytes: hyper,
      rxPackets: hyper,
      rxErrors: hyper,
      rxDrops: hyper,
      txBytes: hyper,
      txPackets: hyper,
      txErrors: hyper,
      txDrops: hyper,
    }),
  ),
  authList: remote(66, 'authList', nothing, struct({ types: array(int32, 20) })),
  /** Asks polkit about the process at the other end of the socket. */
  authPolkit: remote(70, 'authPolkit', nothing, struct({ complete: int32 })),
  connectGetLibVersion: remote(157, 'connectGetLibVersion', nothing, struct({ version: uhyper })),
  domainMemoryStats: remote(
    159,
    'domainMemoryStats',
    struct({ dom: domainRef, maxStats: uint32, flags: uint32 }),
    struct({ stats: array(struct({ tag: int32, value: uhyper }), 1024) }),
  ),
  domainGetJobInfo: remote(
    163,
    'domainGetJobInfo',
    dom,
    struct({
      /** virDomainJobType: 0 is none. */
      type: int32,
      elapsedMs: uhyper,
      remainingMs: uhyper,
      dataTotal: uhyper,
      dataProcessed: uhyper,
      dataRemaining: uhyper,
      memoryTotal: uhyper,
      memoryProcessed: uhyper,
      memoryRemaining: uhyper,
      fileTotal: uhyper,
      fileProcessed: uhyper,
      fileRemaining: uhyper,
    }),
  ),
  domainAbortJob: remote(164, 'domainAbortJob', dom, nothing),
  domainMigrateSetMaxDowntime: remote(
    166,
    'domainMigrateSetMaxDowntime',
    struct({ dom: domainRef, downtimeMs: uhyper, flags: uint32 }),
    nothing,
  ),
  domainAttachDevice: remote(160, 'domainAttachDevice', domXmlFlags, nothing),
  domainDetachDevice: remote(161, 'domainDetachDevice', domXmlFlags, nothing),
  domainUpdateDevice: remote(174, 'domainUpdateDevice', domXmlFlags, nothing),
  domainSnapshotCreateXml: remote(185, 'domainSnapshotCreateXml', domXmlFlags, struct({ snap: snapshotRef })),
  domainSnapshotGetXmlDesc: remote(186, 'domainSnapshotGetXmlDesc', snapFlags, oneXml),
  domainSnapshotLookupByName: remote(
    189,
    'domainSnapshotLookupByName',
    struct({ dom: domainRef, name: text, flags: uint32 }),
    struct({ snap: snapshotRef }),
  ),
  domainRevertToSnapshot: remote(192, 'domainRevertToSnapshot', snapFlags, nothing),
  domainSnapshotDelete: remote(193, 'domainSnapshotDelete', snapFlags, nothing),
  domainGetBlockInfo: remote(
    194,
    'domainGetBlockInfo',
    struct({ ...disk, flags: uint32 }),
    struct({ allocation: uhyper, capacity: uhyper, physical: uhyper }),
  ),
  domainCreate: remote(196, 'domainCreate', domFlags, dom),
  domainSetMemory: remote(
    204,
    'domainSetMemory',
    struct({ dom: domainRef, memoryKiB: uhyper, flags: uint32 }),
    nothing,
  ),
  domainInjectNmi: remote(210, 'domainInjectNmi', domFlags, nothing),
  domainGetState: remote(212, 'domainGetState', domFlags, struct({ state: int32, reason: int32 })),
  domainSetSchedulerParameters: remote(
    219,
    'domainSetSchedulerParameters',
    struct({ dom: domainRef, params: typedParameters(16), flags: uint32 }),
    nothing,
  ),
  /** `nparams` is how many may be returned, 0 asks for their number alone. */
  domainGetSchedulerParameters: remote(
    223,
    'domainGetSchedulerParameters',
    struct({ dom: domainRef, nparams: int32, flags: uint32 }),
    struct<{ params: readonly TypedParameter[] }>({ params: typedParameters(16) }),
  ),
  domainUndefine: remote(231, 'domainUndefine', domFlags, nothing),
  domainSave: remote(
    232,
    'domainSave',
    struct({ dom: domainRef, to: text, xml: optionalText, flags: uint32 }),
    nothing,
  ),
  domainRestore: remote(233, 'domainRestore', struct({ from: text, xml: optionalText, flags: uint32 }), nothing),
  domainDestroy: remote(234, 'domainDestroy', domFlags, nothing),
  domainSaveImageGetXmlDesc: remote(235, 'domainSaveImageGetXmlDesc', struct({ file: text, flags: uint32 }), oneXml),
  domainBlockJobAbort: remote(237, 'domainBlockJobAbort', struct({ ...disk, flags: uint32 }), nothing),
  domainGetBlockJobInfo: remote(
    238,
    'domainGetBlockJobInfo',
    struct({ ...disk, flags: uint32 }),
    struct({ found: int32, type: int32, bandwidth: uhyper, cur: uhyper, end: uhyper }),
  ),
  domainReset: remote(245, 'domainReset', domFlags, nothing),
  domainSetBlockIoTune: remote(
    252,
    'domainSetBlockIoTune',
    struct({ dom: domainRef, disk: text, params: typedParameters(32), flags: uint32 }),
    nothing,
  ),
  domainGetBlockIoTune: remote(
    253,
    'domainGetBlockIoTune',
    struct({ dom: domainRef, disk: optionalText, nparams: int32, flags: uint32 }),
    struct<{ params: readonly TypedParameter[]; nparams: number }>({ params: typedParameters(32), nparams: int32 }),
  ),
  domainShutdown: remote(258, 'domainShutdown', domFlags, nothing),
  domainSetMetadata: remote(
    264,
    'domainSetMetadata',
    struct({
      dom: domainRef,
      type: int32,
      metadata: optionalText,
      key: optionalText,
      uri: optionalText,
      flags: uint32,
    }),
    nothing,
  ),
  domainGetMetadata: remote(
    265,
    'domainGetMetadata',
    struct({ dom: domainRef, type: int32, uri: optionalText, flags: uint32 }),
    struct({ metadata: text }),
  ),
  domainBlockRebase: remote(
    266,
    'domainBlockRebase',
    struct({ ...disk, base: optionalText, bandwidth: uhyper, flags: uint32 }),
    nothing,
  ),
  connectListAllDomains: remote(
    273,
    'connectListAllDomains',
    struct({ needResults: int32, flags: uint32 }),
    struct({ domains: array(domainRef, 16_384), count: uint32 }),
  ),
  domainListAllSnapshots: remote(
    274,
    'domainListAllSnapshots',
    struct({ dom: domainRef, needResults: int32, flags: uint32 }),
    struct({ snapshots: array(snapshotRef, 16_384), count: int32 }),
  ),
  domainBlockCommit: remote(
    290,
    'domainBlockCommit',
    struct({
      dom: domainRef,
      disk: text,
      base: optionalText,
      top: optionalText,
      bandwidth: uhyper,
      flags: uint32,
    }),
    nothing,
  ),
  connectDomainEventRegister: remote(
    316,
    'connectDomainEventRegister',
    struct({ eventId: int32, dom: optional(domainRef) }),
    struct({ callbackId: int32 }),
  ),
  connectDomainEventDeregister: remote(317, 'connectDomainEventDeregister', struct({ callbackId: int32 }), nothing),
  domainCoreDump: remote(
    334,
    'domainCoreDump',
    struct({ dom: domainRef, to: text, format: uint32, flags: uint32 }),
    nothing,
  ),
  domainFsFreeze: remote(
    335,
    'domainFsFreeze',
    struct({ dom: domainRef, mountpoints: array(text, 256), flags: uint32 }),
    struct({ filesystems: int32 }),
  ),
  domainFsThaw: remote(
    336,
    'domainFsThaw',
    struct({ dom: domainRef, mountpoints: array(text, 256), flags: uint32 }),
    struct({ filesystems: int32 }),
  ),
  connectGetDomainCapabilities: remote(
    342,
    'connectGetDomainCapabilities',
    struct({
      emulator: optionalText,
      arch: optionalText,
      machine: optionalText,
      virtType: optionalText,
      flags: uint32,
    }),
    oneXml,
  ),
  connectGetAllDomainStats: remote(
    344,
    'connectGetAllDomainStats',
    struct({ doms: array(domainRef, 16_384), stats: uint32, flags: uint32 }),
    struct({ records: array(struct({ dom: domainRef, params: typedParameters(262_144) }), 16_384) }),
  ),
  domainMigrateGetMaxDowntime: remote(387, 'domainMigrateGetMaxDowntime', domFlags, struct({ downtimeMs: uhyper })),
  domainDefineXml: remote(350, 'domainDefineXml', struct({ xml: text, flags: uint32 }), dom),
  qemuMonitorCommand: qemu(
    1,
    'qemuMonitorCommand',
    struct({ dom: domainRef, command: text, flags: uint32 }),
    struct({ result: text }),
  ),
  /** `timeout` in seconds; -2 blocks, -1 is libvirt's default, 0 does not wait. */
  qemuAgentCommand: qemu(
    3,
    'qemuAgentCommand',
    struct({ dom: domainRef, command: text, timeout: int32, flags: uint32 }),
    struct({ result: optionalText }),
  ),
} as const;
