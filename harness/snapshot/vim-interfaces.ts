import type { Pausing, Quiescing, StorageAttachment, Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';

/** The optional interfaces of a VIM, for callers whose plan has checked that they are there. */

function need<T>(vim: Vim, it: T | undefined, what: string): T {
  if (it !== undefined) return it;
  throw new OrdealError('capability-missing', `VIM "${vim.kind}" cannot ${what}`, {
    remedy: `See \`ordeal capabilities --vim ${vim.kind}\`.`,
  });
}

export const pausingOf = (vim: Vim): Pausing => need(vim, vim.pausing, 'freeze a VNFC');
export const quiescingOf = (vim: Vim): Quiescing => need(vim, vim.quiescing, 'quiesce a compute resource');
export const storageOf = (vim: Vim): StorageAttachment => need(vim, vim.storage, 'attach and detach storage');
