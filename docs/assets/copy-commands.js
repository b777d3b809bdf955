// The copy button of a console block gives the commands alone, without prompts and output.
for (const code of document.querySelectorAll(".language-console code")) {
  const lines = code.textContent.split("\n");
  code.dataset.copy = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2)).join("\n");
}
