/** Writes CONFIGURATION.md from the configuration's definition. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeConfiguration } from '../lib/configuration-page.ts';

writeFileSync(resolve(import.meta.dirname, '../CONFIGURATION.md'), describeConfiguration());
