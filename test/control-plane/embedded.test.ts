/** The suite on the embedded API server. test/vm/api-server.test.ts runs it on the real one. */
import { Admin } from '../sandbox/control-plane/admin.ts';
import { EmbeddedApiServer } from '../sandbox/control-plane/api-server.ts';
import { istioDefinitions } from '../sandbox/control-plane/seed.ts';
import { controlPlaneSuite } from './suite.ts';

controlPlaneSuite('the embedded API server', async () => {
  const server = new EmbeddedApiServer();
  await server.start();
  return {
    server: server.url,
    ca: server.ca,
    admin: new Admin({ server: server.url, ca: server.ca, token: server.rights.adminToken }),
    istioDefinitions: istioDefinitions(),
    stormWrites: 200,
    kill: () => server.stop(),
    start: () => server.start(),
    close: () => server.stop(),
  };
});
