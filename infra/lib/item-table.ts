/**
 * A table of DynamoDB as the adapters expect it: `pk` a text, and a sort key `sk`.
 *
 * Control items sort by text, speed rows by bytes: see `crates/stores/src/aws/item.rs`.
 */

import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { type Deployment, removalPolicy } from './deployment.ts';

export interface ItemTableProps {
  readonly sortKey: AttributeType;
  /** The attribute that says when DynamoDB may remove an item. */
  readonly timeToLive?: string;
}

export function itemTable(
  scope: Construct,
  id: string,
  deployment: Deployment,
  { sortKey, timeToLive }: ItemTableProps,
): TableV2 {
  const { key } = deployment;
  const { retain, pointInTimeRecovery } = deployment.config.protection;
  return new TableV2(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: sortKey },
    billing: Billing.onDemand(),
    encryption:
      key === undefined
        ? TableEncryptionV2.awsManagedKey()
        : TableEncryptionV2.customerManagedKey(key),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: pointInTimeRecovery },
    deletionProtection: retain,
    removalPolicy: removalPolicy(deployment),
    ...(timeToLive === undefined ? {} : { timeToLiveAttribute: timeToLive }),
  });
}
