import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import type { Informed, Informee } from '../model/informee.js';
import type { LocatedService } from '../model/network-service.js';
import type { RunRecord } from '../model/run-record.js';
import { sleep } from '../util/deadline.js';
import { OrdealError, reasonOf } from '../util/errors.js';

/** Pause after the first attempt that failed; it doubles. */
const firstPauseMs = 200;
const longestPauseMs = 5000;

/** What the service provider and the VNF providers are told: what became of the service, and where the evidence is. */
export interface Notice {
  readonly schema: 'ordeal.notice/1';
  readonly to: Informee['who'];
  readonly run: string;
  readonly title: string;
  readonly service: string;
  readonly vnfs: readonly string[];
  readonly startedAt: string;
  readonly outcome: 'as-before' | 'restored' | 'not-restored' | 'inconclusive';
  readonly verdicts: RunRecord['verdicts'];
  readonly exitCode: number;
  readonly timeToRecoverMs: number | null;
  readonly errors: readonly string[];
  readonly snapshots: readonly { readonly id: string; readonly vnf: string; readonly purpose: string }[];
  readonly packages: RunRecord['packages'];
}

/**
 * Post-condition of clause 4.1.1: the service provider and the VNF providers are informed. Called when the service has been
 * given back and the record is written, so that nobody who does not answer holds anything up; all are told at once.
 * @returns what became of each; never throws
 */
export async function informAll(
  { descriptor, folder }: LocatedService,
  record: RunRecord,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Informed[]> {
  const area = [...new Set(record.snapshots.map((s) => s.vnf))];
  const concerned = descriptor.inform.filter(
    ({ vnfs, when }) =>
      (vnfs?.some((v) => area.includes(v)) ?? true) && (when === 'always' || outcomeOf(record) !== 'as-before'),
  );
  return Promise.all(
    concerned.map((informee) => {
      const vnfs = area.filter((v) => informee.vnfs?.includes(v) ?? true);
      return inform(informee, noticeOf(informee, record, vnfs), folder, env);
    }),
  );
}

function outcomeOf({ verdicts: { service, restoration } }: RunRecord): Notice['outcome'] {
  if (restoration !== 'not-needed') return restoration;
  return service === 'recovered' ? 'as-before' : 'inconclusive';
}

/** A VNF provider is told of its own VNFs only. */
function noticeOf({ who }: Informee, record: RunRecord, vnfs: readonly string[]): Notice {
  const { id, title, service, startedAt, verdicts, exitCode, timeToRecoverMs, errors, snapshots, packages } = record;
  const own = snapshots.filter((s) => vnfs.includes(s.vnf));
  return {
    schema: 'ordeal.notice/1',
    to: who,
    run: id,
    title,
    service,
    vnfs,
    startedAt,
    outcome: outcomeOf(record),
    verdicts,
    exitCode,
    timeToRecoverMs,
    errors,
    snapshots: own.map(({ id: snapshot, vnf, purpose }) => ({ id: snapshot, vnf, purpose })),
    packages: packages.filter(({ vnf }) => vnf !== undefined && vnfs.includes(vnf)),
  };
}

/** Tries again until it is told or the deadline has passed. */
async function inform(it: Informee, notice: Notice, folder: string, env: NodeJS.ProcessEnv): Promise<Informed> {
  const by = it.webhook === undefined ? (it.command?.[0] ?? '') : withoutQuery(it.webhook.url);
  const body = JSON.stringify(notice);
  const id = `msg_${randomUUID()}`;
  const signal = AbortSignal.timeout(it.deadlineMs);
  let attempts = 0;
  let reason = '';
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    attempts++;
    try {
      if (it.webhook !== undefined) await post(it.webhook, id, body, signal, env);
      else await run(it.command ?? [], body, folder, signal);
      return { who: it.who, by, outcome: 'told', attempts };
    } catch (e) {
      reason = signal.aborted && reason !== '' ? reason : reasonOf(e);
    }
    if (!signal.aborted) await paused(pauseMs, signal);
  }
  return { who: it.who, by, outcome: 'not-told', attempts, reason: `${reason}; given up after ${it.deadlineMs} ms` };
}

/** Ends early when the deadline passes, which the loop then sees. */
const paused = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, signal).catch((e) => {
    if (!signal.aborted) throw e;
  });

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

async function post(
  { url, secretEnv }: NonNullable<Informee['webhook']>,
  id: string,
  body: string,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const timestamp = `${Math.floor(Date.now() / 1000)}`;
  const response = await fetch(url, {
    method: 'POST',
    body,
    // A notice that follows a redirect would go to who was never named.
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...(secretEnv === undefined
        ? {}
        : { 'webhook-signature': signatureOf(secretIn(env, secretEnv), id, timestamp, body) }),
    },
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${answer.slice(0, 200)}`.trim());
}

/** What is to be signed is not sent unsigned. */
function secretIn(env: NodeJS.ProcessEnv, name: string): string {
  const secret = env[name];
  if (secret !== undefined && secret !== '') return secret;
  throw new OrdealError('usage', `The environment has no ${name} to sign the notice with`, {
    remedy: 'Set it to the secret that the receiver knows.',
  });
}

/**
 * Symmetric signature of the Standard Webhooks specification, 1.0: HMAC-SHA256 over id, timestamp and body.
 * @param secret `whsec_` and base64, else its bytes as they are
 */
export function signatureOf(secret: string, id: string, timestamp: string, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** @param folder a relative command is found from the descriptor's */
function run(
  [file = '', ...args]: readonly string[],
  body: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: folder, stdio: ['pipe', 'ignore', 'pipe'], signal, killSignal: 'SIGKILL' });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-1000);
    });
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(new Error(`${killedBy ?? `exit code ${code}`} ${said.trim()}`.trim()));
    });
    // A command that does not read its input is none the worse for it.
    child.stdin.on('error', () => child.stdin.destroy());
    child.stdin.end(`${body}\n`);
  });
}
