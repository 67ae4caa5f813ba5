/** The speed layer: records into speed rows, which answers hold until a batch version does. */

import { AttributeType, type ITable, type TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { consume, giveUpTo, items, readObjects, useKey } from './access.ts';
import type { Deployment } from './deployment.ts';
import { itemTable } from './item-table.ts';
import { deliver } from './mapping.ts';
import { RustFunction } from './rust-function.ts';

/** The speed rows. */
export class SpeedRows extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, deployment: Deployment) {
    super(scope, id);
    this.table = itemTable(this, 'Table', deployment, {
      sortKey: AttributeType.BINARY,
      timeToLive: 'ttl',
    });
  }
}

export interface SpeedLayerProps {
  readonly stream: IStream;
  readonly rows: ITable;
  readonly raw: IBucket;
  readonly control: ITable;
  readonly failures: IBucket;
  readonly environment: Record<string, string>;
}

export class SpeedLayer extends Construct {
  readonly function: RustFunction;
  readonly mapping: EventSourceMapping;

  constructor(scope: Construct, id: string, deployment: Deployment, props: SpeedLayerProps) {
    super(scope, id);
    const { stream, rows, raw, control, failures, environment } = props;
    const { speed } = deployment.config;
    this.function = new RustFunction(this, 'Function', deployment, {
      name: 'speed',
      description: 'Absorbs records of the stream into speed rows',
      memoryMb: speed.memoryMb,
      timeoutSeconds: speed.timeoutSeconds,
      environment,
      withProject: true,
      access: [
        consume(stream),
        ...giveUpTo(failures),
        items(rows, ['GetItem', 'PutItem', 'Query']),
        items(control, ['GetItem', 'Query']),
        // Who looks for a shard's tail in the master data set enters what is found there.
        items(control, ['PutItem'], ['checkpoint/*', 'tail/*']),
        // Behind a gap, the epoch of the next record comes from the archive's chain.
        ...readObjects(raw, ['raw', 'shards']),
        ...useKey(deployment.key, 'encrypt'),
      ],
    });
    const { function: target } = this.function;
    this.mapping = deliver(this, 'Mapping', deployment.config, stream, target, failures, speed);
  }
}
