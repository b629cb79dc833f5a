// Parses the C# files that are named, and tells where they are no C#. It knows the grammar, not the types: what is wrong
// with those only a compiler finds.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Language, Parser } from "web-tree-sitter";

const grammar = fileURLToPath(import.meta.resolve("tree-sitter-c-sharp/tree-sitter-c_sharp.wasm"));
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(grammar));

let wrong = 0;
for (const file of process.argv.slice(2)) {
  const tree = parser.parse(readFileSync(file, "utf8"));
  const visit = (node) => {
    if (node.isError || node.isMissing) {
      wrong++;
      const { row, column } = node.startPosition;
      console.error(`${file}:${row + 1}:${column + 1}: ${node.isMissing ? `${node.type} is missing` : "this is no C#"}`);
    } else if (node.hasError) {
      node.children.forEach(visit);
    }
  };
  visit(tree.rootNode);
  console.log(`${file}: ${tree.rootNode.descendantCount} nodes`);
}
process.exit(wrong === 0 ? 0 : 1);
