// Only the rules about promises: a forgotten `await` is the worst bug this program can have. All else is Biome's.
import tseslint from "typescript-eslint";

export default [
  { ignores: ["**/node_modules/**", "**/dist/**", "runs/**"] },
  {
    files: ["**/*.ts"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: process.cwd() },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      // A promise that is returned from within `using` or `try` outlives what it works with.
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
    },
  },
];
