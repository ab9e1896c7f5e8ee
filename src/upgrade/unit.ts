/** The unit of the agent itself, whose scripts guard its versions. */
export const AGENT_UNIT = 'smm-agent.service';
