// Clients without type declarations.
declare module 'needle'
declare module 'node-fetch2'
