//! The test programs with async actors. A package of their own: the async
//! world is a feature of the SDK, and features hold for all that is built
//! together.
