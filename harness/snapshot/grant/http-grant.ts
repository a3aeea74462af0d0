import { z } from 'zod';
import type { Grant, GrantRequest } from '../../model/roles.js';
import type { GrantedOperation } from '../../model/snapshot-descriptor.js';
import { sleep, withDeadline } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';

export interface HttpGrantOptions {
  /** The grants resource: https://nfvo.example/grant/v1/grants */
  readonly url: string;
  /** The value of the Authorization header; never shown. */
  readonly authorization?: string;
  /** Milliseconds until a grant counts as refused. */
  readonly deadlineMs?: number;
  /** Pause between two looks at a grant that is pending. */
  readonly pollMs?: number;
}

/** SOL 003 names two of them; those of packages follow its manner. */
const operationNames: Readonly<Record<GrantedOperation, string>> = {
  createSnapshot: 'CREATE_SNAPSHOT',
  revertToSnapshot: 'REVERT_TO_SNAPSHOT',
  createPackage: 'CREATE_SNAPSHOT_PKG',
  queryPackage: 'QUERY_SNAPSHOT_PKG',
  deletePackage: 'DELETE_SNAPSHOT_PKG',
  extractPackage: 'EXTRACT_SNAPSHOT_PKG',
  importPackage: 'IMPORT_SNAPSHOT_PKG',
  exportPackage: 'EXPORT_SNAPSHOT_PKG',
};

const problemDetails = z.object({ title: z.string().optional(), detail: z.string().optional() });

/**
 * Asks a real NFVO over the VNF Lifecycle Operation Granting interface of ETSI GS NFV-SOL 003: 201 grants, 202 is
 * pending and polled at its Location, 403 refuses. No answer is no grant.
 */
export class HttpGrant implements Grant {
  constructor(readonly options: HttpGrantOptions) {}

  async request(request: GrantRequest): Promise<void> {
    const { deadlineMs = 30_000 } = this.options;
    try {
      await withDeadline(deadlineMs, `NFVO ${this.options.url}: a grant`, (signal) => this.#ask(request, signal));
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'grant-denied') throw e;
      throw new OrdealError('grant-denied', `The NFVO gave no grant for ${request.operation}`, {
        where: this.options.url,
        cause: e,
        remedy: 'Look after the NFVO; without its answer nothing is done.',
      });
    }
  }

  async #ask(request: GrantRequest, signal: AbortSignal): Promise<void> {
    const headers = this.#headers();
    let response = await fetch(this.options.url, {
      method: 'POST',
      signal,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        vnfInstanceId: request.vnfInstanceId,
        vnfLcmOpOccId: request.runId ?? newId('op'),
        operation: operationNames[request.operation],
        isAutomaticInvocation: request.runId !== undefined,
        additionalParams: { vnfcInstanceIds: request.vnfcIds },
      }),
    });
    const pending = response.headers.get('location');
    while (response.status === 202 && pending !== null) {
      await response.arrayBuffer();
      await sleep(this.options.pollMs ?? 200, signal);
      response = await fetch(new URL(pending, this.options.url), { signal, headers });
    }
    const body = await response.text();
    if (response.ok && response.status !== 202) return;
    throw new OrdealError('grant-denied', `The NFVO refuses ${request.operation} on VNF "${request.vnfInstanceId}"`, {
      where: this.options.url,
      cause: `${response.status} ${reasonIn(body)}`.trim(),
      remedy: 'Nothing was touched.',
    });
  }

  #headers(): Record<string, string> {
    const { authorization } = this.options;
    return { accept: 'application/json', version: '1.0.0', ...(authorization === undefined ? {} : { authorization }) };
  }
}

/** The reason in a ProblemDetails body; of anything else its beginning. */
function reasonIn(body: string): string {
  try {
    const problem = problemDetails.safeParse(JSON.parse(body));
    if (problem.success) return problem.data.detail ?? problem.data.title ?? '';
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw e;
  }
  return body.slice(0, 200);
}
