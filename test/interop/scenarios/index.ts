import { connect, deliveryScenarios } from './delivery';
import { featureScenarios } from './features';
import type { Scenario } from './scenario';
import { sessionScenarios } from './sessions';

/** The rows of the matrix. The first decides whether the others can be played. */
export const SCENARIOS: readonly Scenario[] = [connect, ...deliveryScenarios, ...featureScenarios, ...sessionScenarios];
