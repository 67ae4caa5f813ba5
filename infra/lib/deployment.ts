/** What every construct of the stack is made from: the configuration, the sources and the key. */

import { RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Config } from './config.ts';
import type { Sources } from './function-code.ts';

export interface Deployment {
  readonly config: Config;
  readonly sources: Sources;
  /** The key that everything is encrypted with; none: AWS's. */
  readonly key: IKey | undefined;
}

/** What becomes of data when their resource leaves the stack. */
export function removalPolicy({ config }: Deployment): RemovalPolicy {
  return config.protection.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
