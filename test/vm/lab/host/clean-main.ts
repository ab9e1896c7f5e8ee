/** A program: undoes what dead runs of the lab have left behind on this machine. */
import { cleanDeadRuns } from './runs.ts';

await cleanDeadRuns();
