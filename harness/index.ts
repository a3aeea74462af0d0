/**
 * Ordeal as a library. A session opens a network service with its VIMs, its snapshot engine and its journal; an online test
 * runs on it; who comes after a process that died recovers.
 *
 *     await using session = await ServiceSession.open(await readService('service.yaml'), { stateFolder: '.ordeal' });
 *     const run = await runOnlineTest(session, { title: 'a crash', front: 'library', faults: [...] }, { outFolder: 'reports/out' });
 */
export { type Judgement, type JudgeRules, judge, judgeSeries } from './judge/judge.js';
export type { ExitCode } from './model/exit-codes.js';
export type { LocatedService } from './model/network-service.js';
export type { RunListener } from './model/run-listener.js';
export type { RunRecord } from './model/run-record.js';
export type { VnfSnapshot } from './model/snapshot.js';
export type { Vim } from './model/vim.js';
export { abandonedOperations, type OpenRun, type RecoveryStep, recover, status } from './online-test/recover.js';
export type { OnlineTestOptions, OnlineTestRequest } from './online-test/request.js';
export { runOnlineTest } from './online-test/run.js';
export { readService, ServiceSession, type SessionOptions } from './online-test/session.js';
export { stopRuns } from './online-test/stop.js';
export { PackageManagement, showPackage, verifyPackage } from './package/index.js';
export type { CreationPlan, ReversionPlan, SnapshotEngine } from './snapshot/engine.js';
export { OrdealError } from './util/errors.js';
