/** The archive: records into the master data set, each exactly once. */

import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { consume, giveUpTo, items, objects, readObjects, useKey } from './access.ts';
import type { Deployment } from './deployment.ts';
import { deliver } from './mapping.ts';
import { RustFunction } from './rust-function.ts';

export interface ArchiveLayerProps {
  readonly stream: IStream;
  readonly raw: IBucket;
  readonly control: ITable;
  readonly failures: IBucket;
  readonly environment: Record<string, string>;
}

export class ArchiveLayer extends Construct {
  readonly function: RustFunction;
  readonly mapping: EventSourceMapping;

  constructor(scope: Construct, id: string, deployment: Deployment, props: ArchiveLayerProps) {
    super(scope, id);
    const { stream, raw, control, failures, environment } = props;
    const { archive } = deployment.config;
    this.function = new RustFunction(this, 'Function', deployment, {
      name: 'archive',
      description: 'Archives records of the stream in the master data set',
      memoryMb: archive.memoryMb,
      timeoutSeconds: archive.timeoutSeconds,
      environment,
      withProject: true,
      access: [
        consume(stream),
        ...giveUpTo(failures),
        ...readObjects(raw, ['raw', 'shards']),
        objects(raw, ['s3:PutObject'], ['raw', 'shards']),
        items(control, ['GetItem', 'Query']),
        items(control, ['PutItem'], ['tail/*']),
        ...useKey(deployment.key, 'encrypt'),
      ],
    });
    const { function: target } = this.function;
    this.mapping = deliver(this, 'Mapping', deployment.config, stream, target, failures, archive);
  }
}
