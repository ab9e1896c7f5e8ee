/** `npm run package`: the deb packages for both architectures, in build/. */
import { buildPackages } from '../../packaging/build.ts';

await buildPackages(process.argv.slice(2));
