import { thawAfterwards } from './thawing.js';

/** Thaws the file systems of one guest after a while, whatever became of who froze them: URI UUID MILLISECONDS */
const [, , uri = '', uuid = '', afterMs = '0'] = process.argv;
await thawAfterwards(uri, uuid, { afterMs: Number(afterMs) });
