const mounted = gridPanel();
element.replaceChildren(mounted.root);
mounted.setValue(props.value);
watch("value", () => mounted.setValue(props.value));
