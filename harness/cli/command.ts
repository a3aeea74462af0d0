import type { Command } from 'commander';
import type { Context } from './context.js';

/** A command registers itself with the program. */
export type Register = (program: Command, action: ActionWrapper) => void;

/** Gives the action its context; what it returns is the exit code. */
export type ActionWrapper = <A extends unknown[]>(
  work: (context: Context, ...args: A) => Promise<number>,
) => (...args: A) => Promise<void>;
