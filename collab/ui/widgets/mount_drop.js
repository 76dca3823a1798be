const mounted = pictureDrop();
element.replaceChildren(mounted.root);
mounted.setValue(props.value);
watch("value", () => mounted.setValue(props.value));
