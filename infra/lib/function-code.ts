/**
 * A function's code: the folder that Lambda unpacks.
 *
 * ```text
 * bootstrap            the compiled function
 * project/schema.sql   what it compiles when it starts
 *         views/*.sql
 * ```
 *
 * It holds what the project loader reads and nothing else, so a project's events and local data are
 * never shipped, and its hash changes only when the function or the SQL does.
 */

import { Code } from 'aws-cdk-lib/aws-lambda';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';

/** What a deployment is made of, besides its configuration. */
export interface Sources {
  /** The project: `schema.sql` and `views/`. */
  readonly project: string;
  /** The functions, as `<name>/bootstrap` (cargo lambda) or as `<name>` (cargo build). */
  readonly functions: string;
  /** Where folders to be shipped are put together. */
  readonly staging: string;
}

/** The deployment cannot be put together. The message says what is missing, and how to get it. */
export class SourceError extends Error {}

/** By the number that stands for it in an ELF file's header. */
const MACHINES = new Map<number, Config['architecture']>([
  [0x3e, 'x86_64'],
  [0xb7, 'arm64'],
]);

/** The code of the function `name`. */
export function functionCode(
  sources: Sources,
  architecture: Config['architecture'],
  name: string,
  withProject: boolean,
): Code {
  const folder = join(sources.staging, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const binary = findBinary(sources.functions, name);
  checkMachine(binary, architecture);
  copyFileSync(binary, join(folder, 'bootstrap'));
  chmodSync(join(folder, 'bootstrap'), 0o755);
  if (withProject) copyProject(sources.project, join(folder, 'project'));
  return Code.fromAsset(folder);
}

function findBinary(functions: string, name: string): string {
  const candidates = [join(functions, name, 'bootstrap'), join(functions, name)];
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found === undefined) {
    throw new SourceError(
      `no function \`${name}\`: neither ${candidates.join(' nor ')} is a file; \`make functions\` builds them`,
    );
  }
  return found;
}

/** On the wrong machine a function fails when it is invoked, and emulators run it all the same. */
function checkMachine(binary: string, architecture: Config['architecture']): void {
  const head = Buffer.alloc(20);
  const file = openSync(binary, 'r');
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (head.toString('latin1', 0, 4) !== '\x7fELF') return;
  const machine = MACHINES.get(head.readUInt16LE(18)) ?? 'another machine';
  if (machine !== architecture) {
    throw new SourceError(
      `${binary} was built for ${machine}, and \`architecture\` is ${architecture}: build it with \`make functions ARCH=${architecture}\`, or change deploy.json`,
    );
  }
}

function copyProject(project: string, target: string): void {
  const schema = join(project, 'schema.sql');
  if (!existsSync(schema)) {
    throw new SourceError(`${schema}: no such file; \`anabranch init\` makes a project`);
  }
  const views = join(project, 'views');
  const files = existsSync(views) ? readdirSync(views) : [];
  mkdirSync(join(target, 'views'), { recursive: true });
  copyFileSync(schema, join(target, 'schema.sql'));
  for (const file of files.filter((file) => file.endsWith('.sql'))) {
    copyFileSync(join(views, file), join(target, 'views', file));
  }
}
