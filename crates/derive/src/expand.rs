//! From the model of an enum to its implementation of `hitherto::Event`.
//!
//! Serde writes and reads through private mirrors of the variants, so that the enum itself needs no
//! serde and nothing but the fields is stored. Writing goes through one mirror of the whole enum
//! that serde knows as its remote definition: every field attribute then sees exactly the user's
//! type, never a reference to it. Reading goes through one struct for each kind, chosen by the
//! stored name.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Ident, Type};

use crate::parse::{EventEnum, Field, Kind, Shape, Tag, Variant};

/// The implementation, in a scope of its own.
pub(crate) fn event_impl(model: &EventEnum) -> TokenStream {
    let name = &model.name;
    let kinds_static = kinds_static(model);
    let write_mirror = write_mirror(model);
    let read_mirrors = kinds_of(model).map(|(variant, kind)| read_mirror(variant, kind));
    let methods =
        [kinds(model), kind(model), tags(model), encode(model), decode(model), validate(model)];
    quote! {
        #[doc(hidden)]
        #[allow(
            dead_code, deprecated, non_camel_case_types, non_upper_case_globals,
            unused_qualifications, clippy::all, clippy::pedantic
        )]
        const _: () = {
            #kinds_static
            #write_mirror
            #(#read_mirrors)*

            #[automatically_derived]
            impl ::hitherto::Event for #name {
                #(#methods)*
            }
        };
    }
}

fn kinds_of(model: &EventEnum) -> impl Iterator<Item = (&Variant, &Kind)> {
    model.variants.iter().filter_map(|variant| match &variant.shape {
        Shape::Kind(kind) => Some((variant, kind)),
        Shape::Union(_) => None,
    })
}

fn unions_of(model: &EventEnum) -> impl Iterator<Item = (&Ident, &Type)> {
    model.variants.iter().filter_map(|variant| match &variant.shape {
        Shape::Kind(_) => None,
        Shape::Union(union_type) => Some((&variant.name, &**union_type)),
    })
}

fn kinds_static(model: &EventEnum) -> TokenStream {
    let count = kinds_of(model).count();
    let kinds = kinds_of(model).map(|(_, kind)| {
        let Kind { name, version, was, .. } = kind;
        let none = || quote!(::core::option::Option::None);
        let some = |text| quote!(::core::option::Option::Some(#text));
        let deprecated = kind.deprecated.as_ref().map_or_else(none, some);
        quote! {
            ::hitherto::Kind {
                name: #name, version: #version, was: &[#(#was),*], deprecated: #deprecated,
            }
        }
    });
    quote!(static __KINDS: [::hitherto::Kind; #count] = [#(#kinds),*];)
}

/// The remote definition by which serde writes the enum: untagged, so only fields are stored.
fn write_mirror(model: &EventEnum) -> TokenStream {
    let name = &model.name;
    let remote = name.to_string();
    let variants = model.variants.iter().map(|variant| {
        let variant_name = &variant.name;
        match &variant.shape {
            Shape::Union(union_type) => {
                quote!(#[serde(skip_serializing)] #variant_name(#union_type))
            }
            Shape::Kind(kind) if kind.is_unit => quote!(#variant_name),
            Shape::Kind(kind) => {
                let fields = mirrored_fields(kind);
                quote!(#variant_name { #fields })
            }
        }
    });
    quote! {
        #[derive(::hitherto::private::serde::Serialize)]
        #[serde(crate = "::hitherto::private::serde", remote = #remote, untagged)]
        enum __Written { #(#variants),* }

        struct __Borrowed<'event>(&'event #name);

        impl ::hitherto::private::serde::Serialize for __Borrowed<'_> {
            fn serialize<S: ::hitherto::private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                __Written::serialize(self.0, serializer)
            }
        }
    }
}

fn read_mirror(variant: &Variant, kind: &Kind) -> TokenStream {
    let mirror = mirror_name(variant);
    let shown_name = variant.name.unraw().to_string();
    let fields = mirrored_fields(kind);
    quote! {
        #[derive(::hitherto::private::serde::Deserialize)]
        #[serde(crate = "::hitherto::private::serde", rename = #shown_name)]
        struct #mirror { #fields }
    }
}

fn mirror_name(variant: &Variant) -> Ident {
    format_ident!("__Read{}", variant.name)
}

fn mirrored_fields(kind: &Kind) -> TokenStream {
    let fields = kind
        .fields
        .iter()
        .map(|Field { name, value_type, serde, .. }| quote!(#(#serde)* #name: #value_type));
    quote!(#(#fields),*)
}

fn kinds(model: &EventEnum) -> TokenStream {
    let unions = unions_of(model).map(|(_, union_type)| {
        quote_spanned!(union_type.span()=>
            __kinds.extend(<#union_type as ::hitherto::Event>::kinds());
        )
    });
    quote! {
        fn kinds() -> ::std::vec::Vec<&'static ::hitherto::Kind> {
            let mut __kinds = ::std::vec::Vec::from_iter(&__KINDS);
            #(#unions)*
            __kinds
        }
    }
}

fn kind(model: &EventEnum) -> TokenStream {
    let mut index = 0_usize;
    let arms = model.variants.iter().map(|Variant { name, shape }| match shape {
        Shape::Kind(_) => {
            let arm = quote!(Self::#name { .. } => &__KINDS[#index]);
            index += 1;
            arm
        }
        Shape::Union(union_type) => quote_spanned! {union_type.span()=>
            Self::#name(event) => ::hitherto::Event::kind(event)
        },
    });
    quote! {
        fn kind(&self) -> &'static ::hitherto::Kind {
            match self { #(#arms,)* }
        }
    }
}

fn tags(model: &EventEnum) -> TokenStream {
    let arms = model.variants.iter().map(|Variant { name, shape }| match shape {
        Shape::Union(union_type) => quote_spanned! {union_type.span()=>
            Self::#name(event) => ::hitherto::Event::tags(event)
        },
        Shape::Kind(kind) => kind_tags(name, kind),
    });
    quote! {
        fn tags(&self) -> ::std::vec::Vec<::hitherto::Tag> {
            match self { #(#arms,)* }
        }
    }
}

fn kind_tags(variant: &Ident, kind: &Kind) -> TokenStream {
    let tagged = kind.fields.iter().filter_map(|field| Some((field, field.tag.as_ref()?)));
    let (names, pushes) = tagged
        .map(|(Field { name, value_type, .. }, Tag { key, is_many })| {
            let span = value_type.span();
            let push = if *is_many {
                quote_spanned!(span=>
                    __tags.extend(#name.iter().map(|value| ::hitherto::Tag::new(#key, value)));
                )
            } else {
                quote_spanned!(span=> __tags.push(::hitherto::Tag::new(#key, #name));)
            };
            (name, push)
        })
        .unzip::<_, _, Vec<_>, Vec<_>>();
    if pushes.is_empty() {
        return quote!(Self::#variant { .. } => ::std::vec::Vec::new());
    }
    quote! {
        Self::#variant { #(#names,)* .. } => {
            let mut __tags = ::std::vec::Vec::new();
            #(#pushes)*
            __tags
        }
    }
}

fn encode(model: &EventEnum) -> TokenStream {
    let arms = model.variants.iter().map(|Variant { name, shape }| match shape {
        Shape::Union(union_type) => quote_spanned! {union_type.span()=>
            Self::#name(event) => ::hitherto::Event::encode(event)
        },
        Shape::Kind(kind) if kind.is_unit => {
            quote!(Self::#name => ::core::result::Result::Ok(::std::vec::Vec::from(*b"{}")))
        }
        Shape::Kind(Kind { name: stored, .. }) => quote! {
            Self::#name { .. } => ::hitherto::private::encode(#stored, &__Borrowed(self))
        },
    });
    quote! {
        fn encode(&self) -> ::hitherto::Result<::std::vec::Vec<u8>> {
            match self { #(#arms,)* }
        }
    }
}

fn decode(model: &EventEnum) -> TokenStream {
    let arms = kinds_of(model).map(|(variant, kind)| decode_kind(variant, kind));
    let unions = unions_of(model).map(|(name, union_type)| decode_union(name, union_type));
    quote! {
        fn decode(
            kind: &::core::primitive::str,
            version: ::core::primitive::u16,
            payload: &[::core::primitive::u8],
        ) -> ::hitherto::Result<Self> {
            match (kind, version) {
                #(#arms)*
                _ => {
                    #(#unions)*
                    ::core::result::Result::Err(
                        ::hitherto::private::unknown_kind::<Self>(kind, version),
                    )
                }
            }
        }
    }
}

/// One arm for today's shape of a kind, and one for each older one. Old names read at every
/// version.
fn decode_kind(variant: &Variant, kind: &Kind) -> TokenStream {
    let Kind { name: stored, was, version: current, .. } = kind;
    let names = quote!(#stored #(| #was)*);
    let variant_name = &variant.name;
    let mirror = mirror_name(variant);
    let fields = kind.fields.iter().map(|field| &field.name).collect::<Vec<_>>();
    let older = (1_u16..).zip(&kind.older).map(|(version, older_type)| {
        let upcast = quote_spanned!(older_type.span()=>
            <Self as ::core::convert::From<#older_type>>::from(
                ::hitherto::private::decode::<#older_type>(kind, version, payload)?
            )
        );
        quote!((#names, #version) => ::core::result::Result::Ok(#upcast),)
    });
    quote! {
        #(#older)*
        (#names, #current) => {
            let #mirror { #(#fields,)* } = ::hitherto::private::decode(kind, version, payload)?;
            ::core::result::Result::Ok(Self::#variant_name { #(#fields,)* })
        }
    }
}

fn decode_union(variant: &Ident, union_type: &Type) -> TokenStream {
    quote_spanned! {union_type.span()=>
        static #variant: ::std::sync::LazyLock<::std::vec::Vec<&'static ::hitherto::Kind>> =
            ::std::sync::LazyLock::new(<#union_type as ::hitherto::Event>::kinds);
        if #variant.iter().any(|known| known.name == kind || known.was.contains(&kind)) {
            return <#union_type as ::hitherto::Event>::decode(kind, version, payload)
                .map(Self::#variant);
        }
    }
}

fn validate(model: &EventEnum) -> TokenStream {
    let unions = unions_of(model).map(|(name, union_type)| {
        quote_spanned!(union_type.span()=>
            Self::#name(event) => ::hitherto::Event::validate(event)?,
        )
    });
    let own = model.validate.as_ref().map(|path| quote_spanned!(path.span()=> #path(self)?;));
    quote! {
        fn validate(&self) -> ::core::result::Result<(), ::std::string::String> {
            match self {
                #(#unions)*
                _ => {}
            }
            #own
            ::core::result::Result::Ok(())
        }
    }
}
